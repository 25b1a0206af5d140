//! The fields of people that the changes of a plan or run alter: which there are, and in how many changes.
//!
//! A change names its fields by numbers, which count up as fields first occur, so that a filter compares
//! digits, whatever an attribute is called.

use std::collections::BTreeMap;

use super::batch::{cells, execute};
use super::blocks::Blocks;
use super::{Db, StoreError, Tx};
use crate::with_pool;

/// A field that changes of a plan or run alter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredField {
    /// `e-mail`
    pub field: String,
    pub changes: u64,
}

/// The fields of the changes that are being written.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Counted>);

#[derive(Debug)]
struct Counted {
    number: i64,
    changes: i64,
}

impl Fields {
    /// Takes note of the fields of the change that was added to the blocks last, and tells them as its
    /// row has them: `,1,4,`; nothing where it alters none.
    pub(super) fn note(&mut self, fields: &[&str], blocks: &mut Blocks) -> String {
        let mut numbers = String::new();
        for field in fields {
            let next = i64::try_from(self.0.len()).unwrap_or(i64::MAX).saturating_add(1);
            let counted = self.0.entry((*field).to_owned());
            let counted = counted.or_insert(Counted { number: next, changes: 0 });
            counted.changes += 1;
            blocks.mark(&format!("f{}", counted.number));
            if numbers.is_empty() {
                numbers.push(',');
            }
            numbers.push_str(&counted.number.to_string());
            numbers.push(',');
        }
        numbers
    }

    /// Writes them down. `sql` inserts `{rows}`: number, field and how many changes.
    pub(super) async fn write(
        self,
        tx: &mut Tx,
        sql: &'static str,
        of: i64,
    ) -> Result<(), StoreError> {
        let row = |out: &mut Vec<u8>, (field, counted): (String, Counted)| {
            cells(out, &(counted.number, field, counted.changes))
        };
        execute(tx, sql, self.0, row, &[of]).await?;
        Ok(())
    }
}

/// What a filter by a field compares with: nothing where none is asked for, and a number that no field
/// has where no change alters it. `sql` reads the number of a field, in any case.
pub(super) async fn number_of(
    db: &Db,
    sql: &'static str,
    of: i64,
    field: &str,
) -> Result<String, StoreError> {
    if field.is_empty() {
        return Ok(String::new());
    }
    let number: Option<i64> = with_pool!(db, pool => sqlx::query_scalar(sql)
        .bind(of).bind(field).fetch_optional(pool).await?);
    Ok(number.unwrap_or(0).to_string())
}

/// `sql` reads field and how many changes.
pub(super) async fn list(
    db: &Db,
    sql: &'static str,
    of: i64,
) -> Result<Vec<AlteredField>, StoreError> {
    let rows: Vec<(String, i64)> =
        with_pool!(db, pool => sqlx::query_as(sql).bind(of).fetch_all(pool).await?);
    let altered =
        |(field, changes): (String, i64)| AlteredField { field, changes: changes.unsigned_abs() };
    Ok(rows.into_iter().map(altered).collect())
}
