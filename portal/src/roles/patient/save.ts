/** Hands a file to the browser to keep. */
export function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const made = document.createElement("a");
  made.href = url;
  made.download = name;
  made.click();
  URL.revokeObjectURL(url);
}
