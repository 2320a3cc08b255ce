"""How does one model come of several? Federated averaging of model folders, for everybody and for nodes alike.

This folder is also the algo of an aggregation task that names none: its Dockerfile copies it into an image as the
package ``federation``. So it needs NumPy, and nothing else of the project.
"""
