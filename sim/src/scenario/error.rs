//! What is wrong with a scenario, said once and so that it can be mended: where, what, what was expected, and the nearest name that would do.

use std::fmt;

/// Why there is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// The path.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// Something in the file is wrong.
    #[error(transparent)]
    Invalid(Box<Invalid>),
    /// An override is wrong, or makes the scenario wrong.
    #[error("--set {given}: {problem}")]
    Override {
        /// The override.
        given: String,
        /// What is wrong, what was expected, what to do.
        problem: String,
    },
}

/// Something wrong in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// How many characters of the line are meant; at least 1.
    pub width: usize,
    /// The line itself.
    pub source_line: String,
    /// What is wrong, what was expected, what to do. It begins with the key, written as an [`Override`](super::Override) would write it.
    pub problem: String,
}

impl core::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, width, source_line, problem } = self;
        // Tabs stay tabs, so that the mark stands below what it marks however wide they are shown.
        let indent: String = source_line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{file}:{line}:{column}: {problem}")?;
        writeln!(f, "{line:>5} | {source_line}")?;
        write!(f, "      | {indent}{}", "^".repeat(*width))
    }
}

/// The end of a sentence about an unknown name: the nearest known one, or all there are.
pub(super) fn suggestion<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    /// More names than this do not help.
    const MOST: usize = 12;

    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(unknown, &known) {
        return did_you_mean(near);
    }
    match known.len() {
        0 => "there is none".to_string(),
        1..=MOST => format!("known: {}", known.join(", ")),
        more => format!("known: {} and {} more", known[..MOST].join(", "), more - MOST),
    }
}

pub(super) fn did_you_mean(near: &str) -> String {
    format!("did you mean \"{near}\"?")
}

/// A list in a sentence: `a, b or c`.
pub(super) fn either(each: &[String]) -> String {
    match each.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => each.concat(),
    }
}

/// The known name that is nearest, if one is near enough to be meant: one slip for three letters, two for seven, and so on. Case does not count as a slip.
pub(super) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&unknown, &name.to_lowercase()), *name))
        .filter(|(slips, name)| *slips <= 1 + name.chars().count().max(unknown.chars().count()) / 4 && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}
