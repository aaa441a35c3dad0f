import { Context } from "effect"
import type { Catalogue } from "../model/Catalogue.ts"

/** The event types in force: the bundled ones, or the operator's file (HOOKLINE_CATALOGUE). */
export class EventCatalogue extends Context.Tag("hookline/surface/EventCatalogue")<EventCatalogue, Catalogue>() {}
