//! Benchmarks of behaviour: what media do over networks that a document or a field has agreed on, and how that compares with others. `greenroom bench` runs them.
//!
//! Each has a module of its own, and `docs` a page of its name.

pub mod rfc8867;
