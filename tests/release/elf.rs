//! Just enough of ELF to know whether a program is static.

/// The segment that names the program which loads this one.
const INTERPRETER: u32 = 3;
/// The segment of what is to be linked when it is loaded.
const DYNAMIC: u32 = 2;
/// An entry of it: a library that is needed.
const NEEDED: u64 = 1;

/// What a 64-bit little-endian ELF program wants to be there where it runs: an interpreter, libraries. Empty if it is static.
pub(crate) fn wants(program: &[u8]) -> Vec<&'static str> {
    assert_eq!(&program[..6], b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file");
    let number = |place: usize, size: usize| {
        program[place..place + size].iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let at = |place: usize, size: usize| usize::try_from(number(place, size)).unwrap();
    let (table, size, count) = (at(0x20, 8), at(0x36, 2), at(0x38, 2));
    assert!(count > 0, "no program headers");
    let mut wants = Vec::new();
    for header in (0..count).map(|index| table + index * size) {
        let kind = u32::try_from(number(header, 4)).unwrap();
        if kind == INTERPRETER {
            wants.push("an interpreter");
        }
        if kind == DYNAMIC {
            let (start, length) = (at(header + 0x08, 8), at(header + 0x20, 8));
            if (start..start + length).step_by(16).any(|entry| number(entry, 8) == NEEDED) {
                wants.push("libraries");
            }
        }
    }
    wants
}

#[test]
fn a_program_that_is_linked_when_it_is_loaded_is_known() {
    // This test is one.
    let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(wants(&me).len(), 2, "{:?}", wants(&me));
}
