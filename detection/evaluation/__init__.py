"""How well do detections agree with the truth?"""
