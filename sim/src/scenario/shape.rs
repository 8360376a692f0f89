//! The shape of a file: its JSON Schema, and the check of a file against it.
//!
//! The schema comes from the types that read the file, so it cannot tell another story than they do. Checking keys, words and kinds of values against it here, before
//! they are read, gives errors in the file's own terms with the nearest valid name; the readers' own messages would speak of Rust types.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    document::{KeyPath, Of, Step, Wrong, key_path},
    error::{did_you_mean, either, nearest, suggestion},
    file::File,
};

/// The schema of scenario files, for editors and other tools.
pub fn schema() -> Value {
    SCHEMA.clone()
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value();
    leave_out_null(&mut schema);
    schema
});

/// Takes `null` out of what is allowed: an absent key is absent, and TOML has no null.
fn leave_out_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_string(), only);
                }
            }
            if let Some(Value::Array(ways)) = object.get_mut("anyOf") {
                ways.retain(|way| way.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = ways.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            object.values_mut().for_each(leave_out_null);
        }
        Value::Array(list) => list.iter_mut().for_each(leave_out_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What may stand at a place: one of these ways.
#[derive(Clone)]
pub(super) struct Shape(Vec<&'static Value>);

impl Shape {
    /// The shape of a whole file.
    pub(super) fn root() -> Self {
        Self::of(&SCHEMA)
    }

    fn of(schema: &'static Value) -> Self {
        if let Some(name) = schema["$ref"].as_str() {
            let target = SCHEMA.pointer(name.trim_start_matches('#')).expect("the generator defines what it refers to");
            return Self::of(target);
        }
        match schema["anyOf"].as_array() {
            Some(ways) => Self(ways.iter().flat_map(|way| Self::of(way).0).collect()),
            None => Self(vec![schema]),
        }
    }

    fn way(&self, kind: &str) -> Option<&'static Value> {
        self.0.iter().find(|way| way["type"] == kind).copied()
    }

    /// Whether a text is the only thing that may stand here besides lists and tables.
    pub(super) fn is_text(&self) -> bool {
        self.way("string").is_some() && ["integer", "boolean"].iter().all(|kind| self.way(kind).is_none())
    }

    /// Whether a table may stand here.
    pub(super) fn is_table(&self) -> bool {
        self.way("object").is_some()
    }

    /// What may stand below `key`, in a table that stands here.
    pub(super) fn key(&self, key: &str) -> Option<Self> {
        let table = self.way("object")?;
        table["properties"].get(key).map(Self::of).or_else(|| self.any_key())
    }

    /// What may stand below any key, in a table that stands here and lets its keys be chosen.
    pub(super) fn any_key(&self) -> Option<Self> {
        self.way("object").map(|table| &table["additionalProperties"]).filter(|below| below.is_object()).map(Self::of)
    }

    /// What may stand in a list that stands here.
    pub(super) fn element(&self) -> Option<Self> {
        self.way("array").map(|list| Self::of(&list["items"]))
    }

    /// The keys that are known in a table that stands here.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.way("object").and_then(|table| table["properties"].as_object()).into_iter().flat_map(|keys| keys.keys().map(String::as_str))
    }

    /// The words that a text must be one of, if it must.
    fn words(&self) -> Option<Vec<&'static str>> {
        let texts: Option<Vec<_>> = self.0.iter().filter(|way| way["type"] == "string").map(|way| words_of(way)).collect();
        texts.map(|words| words.concat())
    }

    /// What to say was expected.
    fn expected(&self) -> String {
        let mut each = Vec::with_capacity(self.0.len());
        for way in &self.0 {
            match (way["type"].as_str(), way["title"].as_str(), way["examples"][0].as_str()) {
                (Some("string"), Some(what), Some(example)) => each.push(format!("{what} such as \"{example}\"")),
                (Some("string"), _, _) => match words_of(way) {
                    Some(words) => each.extend(words.iter().map(|word| format!("\"{word}\""))),
                    None => each.push("a text in quotes".to_string()),
                },
                (Some("array"), Some(what), _) => each.push(what.to_string()),
                (Some("array"), None, _) => each.push("a list".to_string()),
                (Some("integer"), _, _) => each.push("a whole number".to_string()),
                (Some("boolean"), _, _) => each.push("true or false".to_string()),
                (_, _, _) => each.push("a table".to_string()),
            }
        }
        either(&each)
    }
}

/// The words that a text must be one of to be right in this way, if it must.
fn words_of(way: &'static Value) -> Option<Vec<&'static str>> {
    match (way["const"].as_str(), way["enum"].as_array()) {
        (Some(word), _) => Some(vec![word]),
        (None, Some(several)) => Some(several.iter().filter_map(Value::as_str).collect()),
        (None, None) => None,
    }
}

/// The first thing in the file that does not fit the schema.
pub(super) fn check(root: &Spanned<DeTable<'_>>) -> Result<(), Wrong> {
    let mut faults = Vec::new();
    check_table(root.get_ref(), root.span().start, &Shape::root(), &key_path![], &mut faults);
    faults.into_iter().min_by_key(|(at, _)| *at).map_or(Ok(()), |(_, fault)| Err(fault))
}

/// Wrongs, each with where it stands in the text.
type Wrongs = Vec<(usize, Wrong)>;

fn check_table(table: &DeTable<'_>, at: usize, shape: &Shape, path: &KeyPath, faults: &mut Wrongs) {
    for (key, value) in table {
        let below = extended(path, Step::from(&**key.get_ref()));
        if let Some(shape) = shape.key(key.get_ref()) {
            check_value(value, &shape, &below, faults);
        } else {
            let problem = format!("no such key; {}", suggestion(key.get_ref(), shape.keys()));
            faults.push((key.span().start, Wrong { path: below, of: Of::Key, problem }));
        }
    }
    let required = shape.way("object").and_then(|way| way["required"].as_array()).into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.filter(|key| table.get(*key).is_none()).min() {
        let shape = shape.key(missing).expect("what is required is known");
        // A key that stands there with a slip explains its absence better; it stands later in the text, so this fault is put behind all others of the table.
        let at = table.iter().map(|(key, _)| key.span().start).max().unwrap_or(at).max(at);
        faults.push((at + 1, Wrong::new(path.clone(), format!("{missing} is missing; expected {}", shape.expected()))));
    }
}

fn check_value(value: &Spanned<DeValue<'_>>, shape: &Shape, path: &KeyPath, faults: &mut Wrongs) {
    let at = value.span().start;
    let mut fault = |problem: String| faults.push((at, Wrong::new(path.clone(), problem)));
    let wrong_kind = |found: &str| format!("expected {}, found {found}", shape.expected());
    match value.get_ref() {
        DeValue::Table(table) if shape.is_table() => check_table(table, at, shape, path, faults),
        DeValue::Array(list) => match shape.element() {
            Some(element) => {
                for (index, value) in list.iter().enumerate() {
                    check_value(value, &element, &extended(path, Step::Index(index)), faults);
                }
            }
            None => fault(wrong_kind("a list")),
        },
        DeValue::String(text) if shape.way("string").is_some() => {
            if let Some(words) = shape.words().filter(|words| !words.contains(&&**text)) {
                let near = nearest(text, &words).map(|near| format!("; {}", did_you_mean(near))).unwrap_or_default();
                fault(format!("expected {}, found \"{text}\"{near}", shape.expected()));
            }
        }
        DeValue::Integer(number) => match shape.way("integer") {
            Some(way) => {
                let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
                let (least, most) = (way["minimum"].as_i64().unwrap_or(0), way["maximum"].as_i64().unwrap_or(u32::MAX.into()));
                if value.is_none_or(|value| value < least || value > most) {
                    fault(format!("expected a whole number from {least} to {most}, found {number}"));
                }
            }
            None => fault(wrong_kind(&format!("the number {number}"))),
        },
        DeValue::Boolean(_) if shape.way("boolean").is_some() => {}
        DeValue::Table(_) => fault(wrong_kind("a table")),
        DeValue::String(text) => fault(wrong_kind(&format!("the text \"{text}\""))),
        DeValue::Float(number) => fault(wrong_kind(&format!("the number {number}"))),
        DeValue::Boolean(flag) => fault(wrong_kind(&flag.to_string())),
        DeValue::Datetime(date) => fault(wrong_kind(&format!("the date {date}"))),
    }
}

fn extended(path: &KeyPath, step: Step) -> KeyPath {
    let mut path = path.clone();
    path.push(step);
    path
}
