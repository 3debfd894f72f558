"""How many ratings of one caller learning counts, however many there are."""

# Of one `user_id`, for one pattern and model, in an ISO week.
VOTES_PER_USER_GROUP_AND_WEEK = 5
# Of one key, without `user_id`, in a day.
UNNAMED_VOTES_PER_KEY_AND_DAY = 50
