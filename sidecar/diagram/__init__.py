"""Decision diagrams: typed paths and questions, nodes, and how diagrams are joined."""
