"""Fine-tuning: what is training, and was it worth it? A new job, the jobs there are, the models that came of them."""

import streamlit as st

from ui.parts import session
from ui.tuning import parts, state, watch
from ui.tuning.jobs import drawer

st.title("Fine-tuning")
st.caption("What is training, and was it worth it?")

db = session.database()
part = parts.chosen(db)
seen = watch.seen(db, part)

drawer.DRAWER.follow_url()
state.draw(db)
parts.choose(db, part)
parts.draw(db, part)
watch.say_ended(db)
watch.watch(db, part, seen)
