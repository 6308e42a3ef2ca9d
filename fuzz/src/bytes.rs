//! Choices out of bytes: what is used up gives zeros, so that every input means something.

/// Takes choices from the front of the input.
pub struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What is left up to the first `end`, which is passed over.
    pub fn until(&mut self, end: u8) -> &'a [u8] {
        let at = self.rest.iter().position(|byte| *byte == end);
        let (head, rest) = at.map_or((self.rest, &[][..]), |at| (&self.rest[..at], &self.rest[at + 1..]));
        self.rest = rest;
        head
    }

    /// The next `len` bytes, or those that are left.
    pub fn slice(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        head
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let len = N.min(self.rest.len());
        taken[..len].copy_from_slice(&self.rest[..len]);
        self.rest = &self.rest[len..];
        taken
    }
}
