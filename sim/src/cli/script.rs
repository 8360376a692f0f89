//! `greenroom script`.

use std::{fs, io::Read as _, path::PathBuf};

use clap::Args;

use super::{Exit, complain, say};
use crate::script;

#[derive(Debug, Args)]
pub(super) struct ScriptArguments {
    /// The story, a JSON object a line, for example docs/stories/sparkrtc/01-a-call.jsonl; - reads standard input
    story: PathBuf,
}

/// Plays a story and prints what every party sees. A story that is not understood whole is not played at all.
pub(super) fn run(arguments: &ScriptArguments) -> Exit {
    let name = arguments.story.display().to_string();
    let text = match read(&arguments.story) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("{name}: {error}"));
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

fn read(story: &PathBuf) -> Result<String, String> {
    let bytes = if story.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(story)
    };
    let bytes = bytes.map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        format!("line {line}: not UTF-8; a story is text in UTF-8")
    })
}
