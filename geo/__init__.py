"""What lies where on the ground, and what did the satellite see there?"""
