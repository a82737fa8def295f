"""Pure predictions: functions from parameters to numbers, without randomness, files or printing."""
