"""What people decide about detections: sheets, the order of looking, agreement, and what verdicts teach."""
