//! `greenroom eval`.

use std::io::{self, BufRead, Read as _, Write};

use super::{Exit, complain};
use crate::eval::{self, LINE_BYTES_MAX, Reply};

/// Answers the lines of standard input.
pub(super) fn eval() -> Exit {
    // Standard output is written line by line, so that a program at the other end may wait for each answer.
    match answer_all(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(Count { failed: 0, .. }) => Exit::Passed,
        Ok(Count { failed, answered }) => {
            complain(&format_args!("{failed} of {answered} lines could not be used; their answers say why"));
            Exit::CheckFailed
        }
        Err(error) => {
            complain(&format_args!("cannot read standard input: {error}"));
            Exit::Usage
        }
    }
}

/// How many lines had an answer, and how many of those an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    answered: u64,
    failed: u64,
}

/// Answers line by line. An error is the input's; a reader who has seen enough closes the output, which is no failure.
fn answer_all(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Count> {
    let mut count = Count::default();
    let mut line = Vec::new();
    while next_line(input, &mut line)? {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let reply = eval::answer(&line);
        count.answered += 1;
        count.failed += u64::from(reply.outcome.is_err());
        if write_line(output, &reply).is_err() {
            break;
        }
    }
    Ok(count)
}

fn write_line(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let mut text = serde_json::to_vec(reply)?;
    text.push(b'\n');
    output.write_all(&text)
}

/// As much of a line as tells that it is too long.
const READ_BYTES_MAX: u64 = LINE_BYTES_MAX as u64 + 1;

/// Reads a line without its end, whether there was one. Of a line that is too long, no more is kept than tells that it is.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(READ_BYTES_MAX).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LINE_BYTES_MAX {
        skip_line(input)?;
    }
    Ok(true)
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let read = match input.fill_buf() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = read.iter().position(|&byte| byte == b'\n');
        let (length, is_over) = (end.map_or(read.len(), |end| end + 1), end.is_some() || read.is_empty());
        input.consume(length);
        if is_over {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> (Vec<String>, Count) {
        let mut output = Vec::new();
        // A small buffer, so that lines come in pieces.
        let count = answer_all(&mut io::BufReader::with_capacity(7919, input), &mut output).expect("memory can be read");
        (String::from_utf8(output).expect("JSON").lines().map(str::to_owned).collect(), count)
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line_and_the_next_is_answered() {
        let case = r#"{"id":1,"kind":"region","country":"CN"}"#;
        let longest = format!("{case}{}", " ".repeat(LINE_BYTES_MAX - case.len()));
        for (first, failed) in [(longest.clone(), 0), (longest.clone() + " ", 1), (longest + &"x".repeat(1000), 1)] {
            let (lines, count) = answers(format!("{first}\n{case}").as_bytes());
            assert_eq!((lines.len(), count), (2, Count { answered: 2, failed }), "{}", first.len());
            assert!(lines[0].contains(if failed == 0 { "DR1" } else { "longer than 67108864 bytes" }), "{}", lines[0]);
            assert!(lines[1].contains("DR1"));
        }
    }

    #[test]
    fn blank_lines_are_skipped_and_the_last_needs_no_end() {
        let (lines, count) = answers(b"\n  \r\n\t{\"kind\":\"region\",\"country\":\"DE\"}\r\n\n\xff");
        assert_eq!((lines.len(), count), (2, Count { answered: 2, failed: 1 }));
        assert_eq!(answers(b""), (Vec::new(), Count::default()));
    }

    #[test]
    fn a_closed_output_ends_it_without_a_word() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let count = answer_all(&mut &b"1\n{\"kind\":\"region\",\"country\":\"DE\"}\n"[..], &mut Closed).expect("it was read");
        assert_eq!(count, Count { answered: 1, failed: 1 });
    }
}
