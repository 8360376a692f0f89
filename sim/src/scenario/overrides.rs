//! Overrides: a value set from outside the file, as `--set link.dsl.down.rate="1 Mbps"` does.

use core::{fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    document::{Text, element_name},
    error::{ScenarioError, suggestion},
    shape::Shape,
};

/// A value to set before a scenario is read, and the way to it.
///
/// The way is made of the file's keys with dots between them. An element of a list goes by its `id` or `rid`, or by its place from 0: `user.dia.link`, `event.0.at`.
/// The value is TOML; what is not TOML is a text, so quotes can be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    path: Vec<String>,
    value: String,
}

impl Override {
    /// Reads `way.to.the.key=value`.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let error = |problem: &str| ScenarioError::Override { given: text.to_string(), problem: problem.to_string() };
        let (path, value) =
            text.split_once('=').ok_or_else(|| error("expected a key, \"=\" and a value, such as link.dsl.down.rate=\"1 Mbps\""))?;
        let path: Vec<_> = path.split('.').map(|word| word.trim().to_string()).collect();
        if path.iter().any(String::is_empty) {
            return Err(error("expected keys with dots between them before the \"=\", such as link.dsl.down.rate"));
        }
        Ok(Self { path, value: value.trim().to_string() })
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path.join("."), self.value)
    }
}

/// Sets what the overrides of `text` say, in their order.
pub(super) fn apply<'t>(text: &'t Text<'_>, root: &mut Spanned<DeTable<'t>>) -> Result<(), ScenarioError> {
    for (set, place, value) in text.overrides() {
        let problem = |problem| ScenarioError::Override { given: set.to_string(), problem };
        let (last, way) = set.path.split_last().expect("parse lets no empty path through");
        let mut here = Here::Root(root);
        let mut shape = Shape::root();
        for (depth, word) in way.iter().enumerate() {
            (here, shape) = here.enter(word, &shape, &place).map_err(|why| problem(told(&set.path[..depth], &why)))?;
        }
        here.set(last, &shape, place, value).map_err(|why| problem(told(way, &why)))?;
    }
    Ok(())
}

fn told(way: &[String], why: &str) -> String {
    if way.is_empty() { why.to_string() } else { format!("{}: {why}", way.join(".")) }
}

/// Where the way has led so far.
enum Here<'a, 't> {
    Root(&'a mut Spanned<DeTable<'t>>),
    Value(&'a mut Spanned<DeValue<'t>>),
}

impl<'a, 't> Here<'a, 't> {
    /// One word further. Tables that the file may have but has not are made on the way.
    fn enter(self, word: &str, shape: &Shape, place: &Range<usize>) -> Result<(Here<'a, 't>, Shape), String> {
        let start = place.start..place.start;
        match self.inside()? {
            Inside::Table(table) => {
                let below = shape_below(word, shape, table)?;
                if table.get(word).is_none() {
                    if !below.is_table() {
                        return Err(format!("the file has no {word}; set the whole of it"));
                    }
                    let empty = Spanned::new(start.clone(), DeValue::Table(DeTable::new()));
                    table.insert(Spanned::new(start.clone(), word.to_string().into()), empty);
                }
                Ok((Here::Value(table.get_mut(word).expect("just made sure of it")), below))
            }
            Inside::List(list) => {
                let index = index_of(word, list)?;
                let below = shape.element().ok_or("there is nothing to be named in it")?;
                Ok((Here::Value(&mut list[index]), below))
            }
        }
    }

    fn set(self, word: &str, shape: &Shape, place: Range<usize>, value: &'t str) -> Result<(), String> {
        match self.inside()? {
            Inside::Table(table) => {
                let below = shape_below(word, shape, table)?;
                table.remove(word);
                table.insert(Spanned::new(place.start..place.start, word.to_string().into()), read(value, &below, place));
            }
            Inside::List(list) => {
                let index = index_of(word, list)?;
                let below = shape.element().ok_or("there is nothing to be named in it")?;
                list[index] = read(value, &below, place);
            }
        }
        Ok(())
    }

    fn inside(self) -> Result<Inside<'a, 't>, String> {
        match self {
            Self::Root(root) => Ok(Inside::Table(root.get_mut())),
            Self::Value(value) => match value.get_mut() {
                DeValue::Table(table) => Ok(Inside::Table(table)),
                DeValue::Array(list) => Ok(Inside::List(list)),
                DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                    Err("is a single value, with nothing below it to set".to_string())
                }
            },
        }
    }
}

enum Inside<'a, 't> {
    Table(&'a mut DeTable<'t>),
    List(&'a mut [Spanned<DeValue<'t>>]),
}

/// What may stand below `word`; a name that the file chooses must be one that it has chosen.
fn shape_below(word: &str, shape: &Shape, table: &DeTable<'_>) -> Result<Shape, String> {
    if shape.any_key().is_some() && table.get(word).is_none() {
        return Err(format!("none is called \"{word}\"; {}", suggestion(word, table.keys().map(|key| &**key.get_ref()))));
    }
    shape.key(word).ok_or_else(|| format!("no such key as \"{word}\"; {}", suggestion(word, shape.keys())))
}

/// The place of the element called `word`, or at that place.
fn index_of(word: &str, list: &[Spanned<DeValue<'_>>]) -> Result<usize, String> {
    let names: Vec<_> = list.iter().map(|element| element_name(element.get_ref())).collect();
    if let Some(index) = names.iter().position(|name| *name == Some(word)) {
        return Ok(index);
    }
    match word.parse::<usize>() {
        Ok(index) if index < list.len() => Ok(index),
        Ok(_) => Err(format!("there is no element {word}; the list has {}, counted from 0", list.len())),
        Err(_) => Err(format!("none is called \"{word}\"; {}", suggestion(word, names.into_iter().flatten()))),
    }
}

/// The value: TOML, or else a text. Where only a text can stand, a bare number or word is one.
fn read<'t>(text: &'t str, shape: &Shape, place: Range<usize>) -> Spanned<DeValue<'t>> {
    match DeValue::parse(text) {
        Ok(value) if !shape.is_text() || value.get_ref().is_str() => moved(value, place.start),
        Ok(_) | Err(_) => Spanned::new(place, DeValue::String(text.into())),
    }
}

/// `value` with everything in it standing `by` further down the text.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let further = |place: Range<usize>| place.start + by..place.end + by;
    let place = further(value.span());
    let inner = match value.into_inner() {
        DeValue::Array(list) => DeValue::Array(list.into_iter().map(|element| moved(element, by)).collect()),
        DeValue::Table(table) => DeValue::Table(
            table.into_iter().map(|(key, value)| (Spanned::new(further(key.span()), key.into_inner()), moved(value, by))).collect(),
        ),
        single => single,
    };
    Spanned::new(place, inner)
}
