"""Pictures of detections: what the ground looked like before and after."""
