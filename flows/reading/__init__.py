"""From which source, which scenes, and how do they become one stack?"""
