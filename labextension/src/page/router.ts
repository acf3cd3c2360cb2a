import { Value } from '../ui/state/cell';
import { addressOf, placeOf, type Place } from './places';

/** The place that the address bar names, and the way to others. */
export class Router {
  readonly place: Value<Place>;

  /** `root` is the page's own address, with the slash at its end. */
  constructor(readonly root: string) {
    this.place = new Value(this.read());
    window.addEventListener('popstate', () => this.place.set(this.read()));
  }

  /** `quietly`: the place takes the place of the present one in the history. */
  go(place: Place, quietly = false): void {
    const url = this.urlOf(place);
    if (url !== location.href) {
      history[quietly ? 'replaceState' : 'pushState'](null, '', url);
    }
    this.place.set(place);
  }

  /** Goes to an address that `safeNext` has made. */
  goTo(address: string, quietly = false): void {
    this.go(placeOf(address), quietly);
  }

  urlOf = (place: Place): string => this.root + addressOf(place);

  private read(): Place {
    const { href } = location;
    return href.startsWith(this.root) ? placeOf(href.slice(this.root.length)) : { view: 'unknown' };
  }
}
