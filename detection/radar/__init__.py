"""What does Sentinel-1 show, and does it agree with Sentinel-2?"""
