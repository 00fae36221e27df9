"""What every service stands on. It knows no service and no rule of the domain.

Start at  foundation.py, which puts the rest together
"""
