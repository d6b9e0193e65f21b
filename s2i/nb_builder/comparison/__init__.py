"""What two built services answer to the same samples: started, asked in turn, compared, reported."""
