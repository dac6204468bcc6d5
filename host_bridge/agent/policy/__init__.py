"""The distilled policy: what the planner would do with a home's battery, as a microworld that a node runs when alone.

teacher.py is the planner's own rule hour by hour, fitting.py finds the student's weights by its decisions,
closed_loop.py runs the student as a node would, document.py makes the plan that has a node run it.
"""
