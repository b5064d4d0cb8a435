//! The database: opening, closing and the wiring between the rooms.
