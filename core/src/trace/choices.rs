//! Choices made from bytes.

/// Choices made from bytes, one byte each. The same bytes make the same choices, fewer bytes make fewer, and so a fuzzer or a shrinking test can find its way.
#[derive(Clone, Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Choices from these bytes, first to last.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether no bytes are left. What is chosen then is always the first.
    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `bound`; zero for a bound of zero.
    pub const fn below(&mut self, bound: u8) -> u8 {
        match (self.0, bound) {
            ([], _) | (_, 0) => 0,
            ([first, rest @ ..], bound) => {
                self.0 = rest;
                *first % bound
            }
        }
    }

    /// Yes or no.
    pub const fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Yes once in `n` times.
    pub const fn one_in(&mut self, n: u8) -> bool {
        self.below(n) + 1 == n
    }

    /// Thirty-two bits.
    pub fn bits(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// Eight bits.
    pub const fn byte(&mut self) -> u8 {
        match self.0 {
            [] => 0,
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
        }
    }
}
