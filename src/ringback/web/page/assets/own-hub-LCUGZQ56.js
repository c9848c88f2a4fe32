import{a as o,b as t}from"./chunk-4WJT3KC7.js";import"./chunk-6R6I6WRN.js";function m(e){let r=new o(t()).attach(e);e.addEventListener("message",({data:s})=>r(s)),e.start()}export{m as serve};
