//! A decoder with a mistake: who does not find it would find no other.

/// Reads a magic, a kind, a count and so many steps, and trusts the steps.
pub fn canary(data: &[u8]) -> bool {
    let Some((b"daybit", rest)) = data.split_first_chunk() else { return false };
    let Some(([kind, count], steps)) = rest.split_first_chunk() else { return false };
    let Some(steps) = steps.get(..usize::from(*count)).filter(|_| *kind == 7) else { return false };
    let mut at = 0;
    for step in steps {
        at += usize::from(*step);
        // Steps that lead beyond the list would be followed.
        assert!(at < 300, "the canary");
    }
    true
}
