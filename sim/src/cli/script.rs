//! `greenroom script`.

use std::{fs, io::Read as _, path::PathBuf};

use clap::Args;

use super::{Exit, complain, say};
use crate::script;

#[derive(Debug, Args)]
pub(super) struct ScriptArguments {
    /// The story, a JSON object a line, for example docs/stories/01-a-call.jsonl; - reads standard input
    story: PathBuf,
}

/// Plays a story and prints what every party sees. A story that is not understood whole is not played at all.
pub(super) fn run(arguments: &ScriptArguments) -> Exit {
    let name = arguments.story.display().to_string();
    let text = match read(&arguments.story) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("{name}: cannot be read: {error}"));
            return Exit::Usage;
        }
    };
    match script::play(&text) {
        Ok(lines) => {
            let mut text = lines.join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            say(&text);
            Exit::Passed
        }
        Err(error) => {
            complain(&format!("{name}: {error}"));
            Exit::Usage
        }
    }
}

fn read(story: &PathBuf) -> Result<String, std::io::Error> {
    if story.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(story)
}
