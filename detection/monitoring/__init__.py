"""What does one new date alone tell, in constant state a pixel?"""
