/** The URL of an SVG element that the API gave, for an image. */
export function picture(svg: string): string {
  // an element within a page needs no name space, a file does
  const file = svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  return `data:image/svg+xml,${encodeURIComponent(file)}`;
}
