const side = 88;
/** A larger picture would fill a phone's memory when it is decoded. */
const mostBytes = 40 * 1024 * 1024;

let last: Promise<void> = Promise.resolve();

/** One picture after the other: on a phone the names say little. What the browser cannot decode shows its ending. */
export function drawThumbnail(canvas: HTMLCanvasElement, file: File): Promise<void> {
  canvas.width = side;
  canvas.height = side;
  write(canvas, file.name);
  if (file.type.startsWith("image/") && file.size <= mostBytes) {
    last = last.then(() => draw(canvas, file)).catch(() => undefined);
  }
  return last;
}

async function draw(canvas: HTMLCanvasElement, file: File): Promise<void> {
  if (!canvas.isConnected) return;
  const picture = await createImageBitmap(file);
  const scale = Math.max(side / picture.width, side / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  canvas
    .getContext("2d")
    ?.drawImage(picture, (side - width) / 2, (side - height) / 2, width, height);
  picture.close();
}

function write(canvas: HTMLCanvasElement, name: string): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const ending = /\.(\w{1,5})$/.exec(name)?.[1] ?? "";
  context.font = "600 22px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = "#7b8794";
  context.fillText(ending.toUpperCase(), side / 2, side / 2);
}
