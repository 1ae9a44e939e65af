"""What an experiment is and what it comes to. Pure: nothing here runs, stores or draws anything."""
