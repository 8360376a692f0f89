//! Nothing but a place for the benches to stand beside: they are in `benches/benches`, one file for each question.
