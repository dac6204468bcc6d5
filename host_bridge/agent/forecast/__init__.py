"""What homes will draw and what their roofs will give, some 36 hours ahead, with how sure that is.

Pure: no clock, no file, no socket. Time and observations are arguments; `forecaster.Forecaster` is the way in.
"""
