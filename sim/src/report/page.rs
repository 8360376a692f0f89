//! The page being written: text that is always escaped, and markup that is always ours.

use core::fmt::{self, Write as _};

/// The page as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Adds markup. Text that is not ours goes in through [`Escaped`].
    pub(super) fn put(&mut self, markup: fmt::Arguments<'_>) {
        self.0.write_fmt(markup).expect("a String takes any text");
    }

    /// The page.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Adds formatted markup to a [`Page`].
macro_rules! put {
    ($page:expr, $($format:tt)+) => { $page.put(format_args!($($format)+)) };
}
pub(super) use put;

/// Text made harmless: it reads the same between tags and within quoted attributes, and starts no markup.
#[derive(Clone, Copy, Debug)]
pub(super) struct Escaped<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                // HTML allows no other control characters, not even as references.
                c if c.is_control() && c != '\n' && c != '\t' => self.0.write_char('\u{fffd}')?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// JSON that may stand inside a `script` element: no `<`, so neither `</script` nor `<!--` can appear in it.
pub(super) fn json_for_script<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structs and numbers are JSON").replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_starts_no_markup_and_ends_no_attribute() {
        let text = Escaped("<b a='x' c=\"y\">&\u{7}").to_string();
        assert_eq!(text, "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;\u{fffd}");
    }

    #[test]
    fn json_cannot_close_the_script_it_stands_in() {
        assert_eq!(json_for_script(&"</script><!--"), "\"\\u003c/script>\\u003c!--\"");
    }
}
