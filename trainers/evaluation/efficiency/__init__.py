"""The benchmark `efficiency`: what a subject costs in parameters, bytes, training, memory and time."""
