"""What is exchanged with a proxy beside calls: OPTIONS and REGISTER."""
