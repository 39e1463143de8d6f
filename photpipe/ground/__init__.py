"""What every room stands on: errors, files, the sky's geometry, time, the LOG."""
