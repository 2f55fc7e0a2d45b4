"""Since when does a pixel, and a place, look different?"""
