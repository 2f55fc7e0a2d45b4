"""What must be asked of the provider, what would it cost, and what is kept?"""
