//! The `daybit` command: a thin front door that uses the library's public names only.

mod shade;
mod table;

fn main() {}
