"""What is asked of sitewatch, where does a workspace lie, and which code is this?"""
