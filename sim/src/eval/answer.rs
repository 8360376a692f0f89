//! What a case is answered with, as a line of JSON.

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::CaseError;

/// What a part says: named values, in the order in which they are to be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer(Vec<(&'static str, Value)>);

/// The answer to a line: what the part says, or why it could not be asked; and the line's own `id`.
#[derive(Debug)]
pub struct Reply {
    /// The `id` of the case, if it has one.
    pub id: Option<Value>,
    /// What came of it.
    pub outcome: Result<Answer, CaseError>,
}

impl Answer {
    /// This answer with one more value.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        match &self.outcome {
            Ok(Answer(values)) => {
                if let Some(id) = &self.id {
                    line.serialize_entry("id", id)?;
                }
                for (name, value) in values {
                    line.serialize_entry(name, value)?;
                }
            }
            // Whoever looks for the lines that failed finds an id in each.
            Err(error) => {
                line.serialize_entry("id", &self.id)?;
                line.serialize_entry("error", &error.to_string())?;
            }
        }
        line.end()
    }
}
