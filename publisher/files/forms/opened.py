"""The form of a file, recognised by its content and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.forms.recognition import Form, NoTableError, form_of
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from rookery.publisher.files.columns.names import FieldNames
    from rookery.publisher.files.forms.chunk import TableForm
    from rookery.publisher.files.options import FileOptions
    from rookery.publisher.files.scan import FileScan
    from rookery.publisher.files.source import FileSource


def opened(source: FileSource, scan: FileScan, names: FieldNames, options: FileOptions) -> TableForm:
    """Open a file; raises BadFileError with every reason, ModuleNotFoundError, and OSError."""
    try:
        form = form_of(scan.head)
    except NoTableError as error:
        raise BadFileError(source.name, Reason(field="file", rule=str(error))) from None
    # Each form needs libraries of its own.
    if form is Form.DELIMITED:
        from rookery.publisher.files.forms.delimited import DelimitedText  # noqa: PLC0415  see above

        return DelimitedText(source, scan, names, options)
    if form is Form.SHEET:
        from rookery.publisher.files.forms.sheet import Sheet  # noqa: PLC0415  the same

        return Sheet(source, names, options)
    if form is Form.JSON:
        from rookery.publisher.files.forms.json_rows import JsonRows  # noqa: PLC0415  the same

        return JsonRows(source, options.encoding or scan.encoding)
    from rookery.publisher.files.forms.columnar import ColumnarFile  # noqa: PLC0415  the same

    return ColumnarFile(source, form)
