#!/usr/bin/env bash
# A sheet with a formula that gives an error, read with python-calamine: a good guess is that its cell says so.
#
# What is so, with python-calamine 0.9.1: the cell is an empty text, as a cell that nobody filled is. #N/A, which says
# that there is no value, and #REF!, which says that the formula is broken, cannot be told apart from it. To find broken
# formulas, read the cells of the type "e" in the XML of the sheet.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check python-calamine==0.9.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import io, zipfile
from importlib.metadata import version

from python_calamine import CalamineWorkbook

office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
package = "http://schemas.openxmlformats.org/package/2006"
main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
parts = {
    "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
    f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
    f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1">'
    '<c r="A1" t="e"><f>NA()</f><v>#N/A</v></c><c r="B1" t="e"><f>#REF!+1</f><v>#REF!</v></c>'
    '<c r="D1"><v>1</v></c></row></sheetData></worksheet>',
}
file = io.BytesIO()
with zipfile.ZipFile(file, "w") as archive:
    for name, text in parts.items():
        archive.writestr(name, text)
file.seek(0)
(row,) = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()
seen = {"python-calamine": version("python-calamine"), "#N/A": row[0], "#REF!": row[1], "no cell": row[2]}
print(seen)
assert list(seen.values()) == ["0.9.1", "", "", ""], "the behaviour has changed"
PY
