//! What is wrong with a story: which line, and what would be right.

/// Why a story is not played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct StoryError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, what was expected, what to do.
    pub problem: String,
}

impl StoryError {
    pub(super) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

/// The end of a sentence about an unknown name: the nearest known one, or all there are.
pub(super) fn nearest(unknown: &str, known: &[&str]) -> String {
    /// A name that needs more changes than this is another name.
    const CHANGES: usize = 2;

    let near = known.iter().map(|name| (strsim::damerau_levenshtein(&unknown.to_lowercase(), &name.to_lowercase()), *name)).min();
    match near {
        Some((changes, name)) if changes <= CHANGES => format!("did you mean \"{name}\"?"),
        _ => format!("known are {}", known.join(", ")),
    }
}
