import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

/** What is above the map and what should be seen below it, and the least height for the map itself. Pixels. */
const OTHERS_HEIGHT = 300;
const LEAST_HEIGHT = 500;

/** The width of an element and the height that the window leaves to it, in pixels, as they change; 0 before they are known. */
export function useRoom(element: RefObject<HTMLElement | null>): readonly [width: number, height: number] {
  const [width, setWidth] = useState(0);
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    const measure = () => setHeight(Math.max(LEAST_HEIGHT, innerHeight - OTHERS_HEIGHT));
    observer.observe(element.current!);
    addEventListener('resize', measure);
    measure();
    return () => {
      observer.disconnect();
      removeEventListener('resize', measure);
    };
  }, [element]);
  return [width, height];
}
