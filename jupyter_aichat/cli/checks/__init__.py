"""What the doctor looks at, one kind of thing in each module; none of them changes anything."""
