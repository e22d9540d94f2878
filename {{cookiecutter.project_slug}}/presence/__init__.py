"""Who is here: each room's people, online or away, and when the others were last seen."""
