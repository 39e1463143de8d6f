"""What a run knows and keeps: settings, workspace, results."""
