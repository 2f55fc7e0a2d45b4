"""Which dates count, and what did each show once light and position are evened out?"""
