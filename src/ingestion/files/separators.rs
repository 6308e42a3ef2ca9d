//! Where the separators of a CSV lie, 64 bytes at a time.
//!
//! What it is: one question about a block of bytes, asked of several of them at once; it is half the cost of reading a
//! line when every byte is looked at by itself. What it never does: know a line or a cell. Who calls it: the CSV rows.

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;

/// A bit for every byte of the block that may be a separator, the first byte's the lowest: commas, line feeds and quotes,
/// and with them whatever else is no greater than a comma, since one comparison is cheaper than three. Numbers and names
/// hold little of that.
#[inline]
pub(super) fn separators(block: &[u8; BLOCK]) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    const TO_TOP: u64 = u64::from_le_bytes([0x7f - b','; 8]);
    let (eights, _) = block.as_chunks::<8>();
    eights.iter().rev().fold(0, |marks, eight| {
        let word = u64::from_le_bytes(*eight);
        let greater = ((word & LOW) + TO_TOP) | word;
        // The top bits of eight bytes, gathered into the top byte.
        marks << 8 | ((!greater & !LOW) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// The top bit of every byte of the word that is `byte`, nothing else.
#[inline]
pub(super) const fn equal_bytes(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zero_where_equal = word ^ u64::from_le_bytes([byte; 8]);
    !(((zero_where_equal & LOW) + LOW) | zero_where_equal | LOW)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(block: &[u8; BLOCK]) -> u64 {
        let marks = block.iter().enumerate().filter(|(_, byte)| **byte <= b',');
        marks.map(|(at, _)| 1 << at).sum()
    }

    #[test]
    fn every_byte_is_told_apart_in_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                assert_eq!(separators(&block), one_by_one(&block), "byte {byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_byte_by_byte(bytes in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), Just(b'-'), Just(b'\0'), any::<u8>()], BLOCK)) {
            let block = <[u8; BLOCK]>::try_from(bytes).unwrap();
            prop_assert_eq!(separators(&block), one_by_one(&block));
        }
    }
}
