"""Fine-tuning: what is training, and was it worth it? A new job, the jobs there are, the models that came of them."""

import streamlit as st

from ui import session, tuning_drawer, tuning_parts, tuning_state, tuning_watch

st.title("Fine-tuning")
st.caption("What is training, and was it worth it?")

db = session.database()
part = tuning_parts.chosen(db)
seen = tuning_watch.seen(db, part)

tuning_drawer.follow_url()
tuning_state.draw(db)
tuning_parts.choose(db, part)
tuning_parts.draw(db, part)
tuning_watch.say_ended(db)
tuning_watch.watch(db, part, seen)
