//! The text of a scenario and the tree in it, with the place of everything: the file first, then the overrides, as if they stood below it.

use core::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::{Invalid, ScenarioError},
    overrides::Override,
};

/// Everything there is to read, in one text.
pub(super) struct Text<'a> {
    /// What to call the file.
    label: &'a str,
    overrides: &'a [Override],
    /// The file, then each override's value after a line break.
    all: String,
    /// Where the overrides' values stand in it.
    values: Vec<Range<usize>>,
    file_len: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(label: &'a str, file: &str, overrides: &'a [Override]) -> Self {
        let mut all = file.to_string();
        let values = overrides
            .iter()
            .map(|set| {
                all.push('\n');
                let start = all.len();
                all.push_str(set.value());
                start..all.len()
            })
            .collect();
        Self { label, overrides, all, values, file_len: file.len() }
    }

    /// The file alone.
    pub(super) fn file(&self) -> &str {
        &self.all[..self.file_len]
    }

    /// The overrides, each with the place of its value and the value's text.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (&'a Override, Range<usize>, &str)> {
        self.overrides.iter().zip(&self.values).map(|(set, place)| (set, place.clone(), &self.all[place.clone()]))
    }

    /// The error that says `problem` about what stands at `place`.
    pub(super) fn error_at(&self, place: Range<usize>, problem: String) -> ScenarioError {
        if let Some(set) = self.values.iter().position(|value| value.start <= place.start && place.start <= value.end) {
            return ScenarioError::Override { given: self.overrides[set].to_string(), problem };
        }
        let file = self.file();
        let start = character_start(file, place.start);
        let line_start = file[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = file[start..].find('\n').map_or(file.len(), |at| start + at);
        let end = character_start(file, place.end).clamp(start, line_end);
        ScenarioError::Invalid(Box::new(Invalid {
            file: self.label.to_string(),
            line: file[..line_start].matches('\n').count() + 1,
            column: file[line_start..start].chars().count() + 1,
            width: file[start..end].chars().count().max(1),
            source_line: file[line_start..line_end].trim_end_matches('\r').to_string(),
            problem,
        }))
    }

    /// The error that says what is wrong where `fault` says.
    pub(super) fn error(&self, root: &Spanned<DeTable<'_>>, fault: Wrong) -> ScenarioError {
        let (key, place) = locate(root, &fault.path);
        let place = match fault.of {
            Of::Key => key.clone().unwrap_or(place),
            Of::Value => place,
        };
        let name = name_of(root, &fault.path);
        let problem = if name.is_empty() { fault.problem } else { format!("{name}: {}", fault.problem) };
        self.error_at(place, problem)
    }
}

/// Where the character begins that byte `at` belongs to. A parser may point into the middle of one.
fn character_start(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).expect("0 is a boundary")
}

/// One step of the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_string())
    }
}

impl From<&String> for Step {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The way to a value, from the root.
pub(super) type KeyPath = Vec<Step>;

/// Writes a [`KeyPath`]: `key_path!["user", 3, "link"]`.
macro_rules! key_path {
    ($($step:expr),* $(,)?) => { vec![$($crate::scenario::document::Step::from($step)),*] };
}
pub(super) use key_path;

/// Something wrong with a value, a key, or what should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) path: KeyPath,
    pub(super) of: Of,
    pub(super) problem: String,
}

/// What of an entry is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Key,
    Value,
}

impl Wrong {
    pub(super) fn new(path: KeyPath, problem: impl Into<String>) -> Self {
        Self { path, of: Of::Value, problem: problem.into() }
    }
}

/// What an element of a list is called by: its `id` or `rid`.
pub(super) fn element_name<'t>(element: &'t DeValue<'_>) -> Option<&'t str> {
    let table = element.as_table()?;
    ["id", "rid"].into_iter().find_map(|key| table.get(key)?.get_ref().as_str())
}

/// The key and the value at `path`, or the nearest thing above it that exists.
pub(super) fn locate(root: &Spanned<DeTable<'_>>, path: &[Step]) -> (Option<Range<usize>>, Range<usize>) {
    let mut here: Option<&Spanned<DeValue<'_>>> = None;
    // Nothing but the root: its first character stands for it.
    let (mut key_place, mut place) = (None, root.span().start..root.span().start);
    for step in path {
        let next = match step {
            Step::Key(key) => {
                let table = here.map_or(Some(root.get_ref()), |value| value.get_ref().as_table());
                table.and_then(|table| table.get_key_value(key.as_str())).map(|(key, value)| (Some(key.span()), value))
            }
            Step::Index(index) => here.and_then(|value| value.get_ref().as_array()?.get(*index)).map(|value| (None, value)),
        };
        let Some((key, value)) = next else { break };
        (key_place, place, here) = (key, value.span(), Some(value));
    }
    (key_place, place)
}

/// `path` as an override writes it, with ids in place of numbers where there are some.
pub(super) fn name_of(root: &Spanned<DeTable<'_>>, path: &[Step]) -> String {
    let mut here: Option<&DeValue<'_>> = None;
    let mut words = Vec::with_capacity(path.len());
    for step in path {
        match step {
            Step::Key(key) => {
                let value = match here {
                    Some(value) => value.as_table().and_then(|table| table.get(key.as_str())),
                    None if words.is_empty() => root.get_ref().get(key.as_str()),
                    None => None,
                };
                here = value.map(Spanned::get_ref);
                words.push(key.clone());
            }
            Step::Index(index) => {
                here = here.and_then(|value| value.as_array()?.get(*index)).map(Spanned::get_ref);
                words.push(here.and_then(element_name).map_or_else(|| index.to_string(), str::to_string));
            }
        }
    }
    words.join(".")
}

/// The way to the innermost value that covers `place`.
pub(super) fn path_to(root: &Spanned<DeTable<'_>>, place: &Range<usize>) -> KeyPath {
    fn within(table: &DeTable<'_>, place: &Range<usize>, path: &mut KeyPath) -> bool {
        table.iter().any(|(key, value)| {
            path.push(Step::from(&**key.get_ref()));
            let found = at(value, place, path);
            if !found {
                path.pop();
            }
            found
        })
    }
    fn at(value: &Spanned<DeValue<'_>>, place: &Range<usize>, path: &mut KeyPath) -> bool {
        let deeper = match value.get_ref() {
            DeValue::Table(table) => within(table, place, path),
            DeValue::Array(list) => list.iter().enumerate().any(|(index, element)| {
                path.push(Step::Index(index));
                let found = at(element, place, path);
                if !found {
                    path.pop();
                }
                found
            }),
            DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => false,
        };
        deeper || value.span() == *place
    }
    let mut path = KeyPath::new();
    within(root.get_ref(), place, &mut path);
    path
}
